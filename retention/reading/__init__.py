"""Requests for use (yêu cầu khai thác, sử dụng tài liệu lưu trữ): who may read what, until when, what was handed out.

The face of this part for commands and portal (docs/decisions/0004). The rules are TT 05/2025/TT-BNV Điều 32–43 and
Luật Lưu trữ 33/2024/QH15 Điều 23, 25 (AC-01 to AC-03). `asking` takes a request, `deciding` opinions, grants and
refusals, `handing_out` makes the copies, `certifying` the package, `purging` takes all of it away again.
"""
