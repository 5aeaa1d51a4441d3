"""requests for use"""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None
told_by = ('reading_*',)


def upgrade() -> None:
    op.create_table(
        'reading',
        sa.Column('code', sa.String(length=40), nullable=False),
        sa.Column('kind', sa.String(length=10), nullable=False),
        sa.Column('state', sa.String(length=10), nullable=False),
        sa.Column('account', sa.String(length=64), nullable=False),
        sa.Column('asked_on', sa.String(length=10), nullable=False),
        sa.Column('until', sa.String(length=10), nullable=False),
        sa.Column('purge_after', sa.String(length=10), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('record', sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint('code', name=op.f('pk_reading')))
    with op.batch_alter_table('reading') as batch_op:
        batch_op.create_index(batch_op.f('ix_reading_state'), ['state'], unique=False)
    op.create_table(
        'reading_document',
        sa.Column('reading', sa.String(length=40), nullable=False),
        sa.Column('n', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('document', sa.String(length=110), nullable=False),
        sa.Column('case_file', sa.String(length=100), nullable=False),
        sa.Column('asked', sa.String(length=110), nullable=False),
        sa.Column('kind', sa.String(length=10), nullable=False),
        sa.Column('account', sa.String(length=64), nullable=False),
        sa.Column('state', sa.String(length=10), nullable=False),
        sa.Column('until', sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint('reading', 'n', name=op.f('pk_reading_document')))
    with op.batch_alter_table('reading_document') as batch_op:
        batch_op.create_index(batch_op.f('ix_reading_document_account_until'), ['account', 'until'], unique=False)
        batch_op.create_index(batch_op.f('ix_reading_document_document'), ['document'], unique=False)


def downgrade() -> None:
    for table in ('reading_document', 'reading'):
        op.drop_table(table)
