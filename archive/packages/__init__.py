"""Packages (gói tin) in and out: SIP, AIP and DIP of TT 05/2025/TT-BNV on E-ARK CSIP, BagIt, the form of TT 02/2019."""
