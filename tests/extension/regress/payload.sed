s/^Asynchronous notification "\([^"]*\)" with payload "\(.*\)" received from .*/\2/p
