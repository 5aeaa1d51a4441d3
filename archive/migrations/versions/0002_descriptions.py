"""descriptive fields of fonds and case files, closing, kinds and revisions of documents"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

COLUMNS: dict[str, list[sa.Column[Any]]] = {
    'fonds': [sa.Column('fields', sa.JSON(), nullable=False, server_default='{}')],
    'file_plan_entry': [sa.Column('position', sa.Integer(), nullable=False, server_default='0')],
    'case_file': [sa.Column('closed_at', sa.String(length=40), nullable=False, server_default=''),
                  sa.Column('uuid', sa.String(length=36), nullable=False, server_default=''),
                  sa.Column('fields', sa.JSON(), nullable=False, server_default='{}')],
    'document': [sa.Column('kind', sa.String(length=10), nullable=False, server_default='document'),
                 sa.Column('revision', sa.Integer(), nullable=False, server_default='0')],
}


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        with op.batch_alter_table(table) as batch_op:
            for column in columns:
                batch_op.add_column(column)
