"""The way to a destruction (hủy tài liệu lưu trữ hết giá trị): list, plan, council, papers, decision, proof, dossier.

Luật Lưu trữ 33/2024/QH15 Điều 16, 36; TT 05/2025/TT-BNV Đ48–50. Each step is a version of one object of the store,
with who took it and when (`keeping`). Nothing here destroys: archive/destroying.py does, and only what a signed
decision names by the hash of its plan.
"""
