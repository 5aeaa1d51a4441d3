"""Retention tables (bảng thời hạn lưu trữ) as data: read, checked, kept in every version."""
