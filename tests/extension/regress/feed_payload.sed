s/^Asynchronous notification "\([^"]*\)" with payload "\(.*\)" received from .*/\2/
t told
d
:told
s/"lsn":"[0-9A-F]*\/[0-9A-F]*"/"lsn":"0\/1A2B3C8"/
s/"safe_lsn":"[0-9A-F]*\/[0-9A-F]*"/"safe_lsn":"0\/1A2B300"/
