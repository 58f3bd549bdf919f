"""The plausible brokerage: names, places, prices, volumes and seasons that a reader expects.

Belongs here: classes that take the place of the official ones, and their word lists. Does not
belong here: keys, formats and audits, which both kinds of brokerages share. Every value remains a
function of seed, stream and counter.
"""
