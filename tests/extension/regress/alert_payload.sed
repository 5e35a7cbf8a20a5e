s/"lsn":"[0-9A-F]*\/[0-9A-F]*"/"lsn":"0\/1A2B3C8"/
s/"at":"20[-0-9T:.]*+00:00"/"at":"2026-01-02T07:04:06+00:00"/g
s/^Asynchronous notification "andon_alert" with payload "\(.*\)" received from .*/\1/p
