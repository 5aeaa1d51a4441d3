"""Exchange with other agencies' systems: edXML messages (QCVN 102:2016/BTTTT) written, answered, fetched."""
