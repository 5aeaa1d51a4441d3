"""descriptive fields of fonds and case files, closing, kinds and revisions of documents; seals"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None
told_by = ('fonds_corrected', 'casefile_closed', 'casefile_corrected', 'casefile_converted', 'document_corrected',
           'document_converted', 'sealed')

COLUMNS: dict[str, list[sa.Column[Any]]] = {
    'fonds': [sa.Column('fields', sa.JSON(), nullable=False, server_default='{}')],
    'file_plan_entry': [sa.Column('position', sa.Integer(), nullable=False, server_default='0')],
    'case_file': [sa.Column('closed_at', sa.String(length=40), nullable=False, server_default=''),
                  sa.Column('uuid', sa.String(length=36), nullable=False, server_default=''),
                  sa.Column('fields', sa.JSON(), nullable=False, server_default='{}')],
    'document': [sa.Column('kind', sa.String(length=10), nullable=False, server_default='document'),
                 sa.Column('revision', sa.Integer(), nullable=False, server_default='0')],
}

KINDS = (('av', ('typeMedia', 'movieTitle', 'playTime', 'recorder', 'recordPlace', 'recordDate')),
         ('photo', ('typePic', 'imageTitle', 'photoTime', 'photographer', 'photoPlace', 'filmSize')))


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        with op.batch_alter_table(table) as batch_op:
            for column in columns:
                batch_op.add_column(column)
    _tell_kinds()
    op.create_table('seal',
    sa.Column('id', sa.String(length=10), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('at', sa.String(length=40), nullable=False),
    sa.Column('algorithm', sa.String(length=20), nullable=False),
    sa.Column('leaves', sa.Integer(), nullable=False),
    sa.Column('root', sa.String(length=128), nullable=False),
    sa.Column('first_event', sa.Integer(), nullable=False),
    sa.Column('last_event', sa.Integer(), nullable=False),
    sa.Column('log_size', sa.Integer(), nullable=False),
    sa.Column('log_peaks', sa.JSON(), nullable=False),
    sa.Column('renews', sa.JSON(), nullable=False),
    sa.Column('tokens', sa.JSON(), nullable=False),
    sa.Column('until', sa.String(length=40), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_seal'))
    )
    with op.batch_alter_table('seal') as batch_op:
        batch_op.create_index(batch_op.f('ix_seal_kind_last_event'), ['kind', 'last_event'], unique=False)


def _tell_kinds() -> None:
    """The kind of the documents that are there, by the fields that only photos, or only sound and film, have."""
    document = sa.table('document', sa.column('code', sa.String), sa.column('kind', sa.String),
                        sa.column('fields', sa.JSON))
    words = sa.cast(document.c.fields, sa.Text)
    connection = op.get_bind()
    for kind, tags in KINDS:        # a photo's tags go first: told last, they stand
        marked = sa.or_(*(words.contains(f'"{tag}"') for tag in tags))
        for code, fields in connection.execute(sa.select(document.c.code, document.c.fields).where(marked)).all():
            if any(str(fields.get(tag, '')).strip() for tag in tags):
                connection.execute(document.update().where(document.c.code == code).values(kind=kind))


def downgrade() -> None:
    op.drop_table('seal')
    for table, columns in COLUMNS.items():
        for column in columns:
            op.drop_column(table, column.name)
