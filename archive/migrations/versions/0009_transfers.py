"""hand-overs"""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None
told_by = ('transfer_*',)


def upgrade() -> None:
    op.create_table(
        'transfer',
        sa.Column('code', sa.String(length=60), nullable=False),
        sa.Column('side', sa.String(length=10), nullable=False),
        sa.Column('kind', sa.String(length=12), nullable=False),
        sa.Column('partner', sa.String(length=35), nullable=False),
        sa.Column('state', sa.String(length=12), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('record', sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint('code', name=op.f('pk_transfer')))
    with op.batch_alter_table('transfer') as batch_op:
        batch_op.create_index(batch_op.f('ix_transfer_state'), ['state'], unique=False)
    op.create_table(
        'transfer_item',
        sa.Column('transfer', sa.String(length=60), nullable=False),
        sa.Column('n', sa.Integer(), nullable=False),
        sa.Column('code', sa.String(length=100), nullable=False),
        sa.Column('title', sa.Text(), nullable=False),
        sa.Column('state', sa.String(length=12), nullable=False),
        sa.Column('objid', sa.String(length=200), nullable=False),
        sa.Column('sha256', sa.String(length=64), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['transfer'], ['transfer.code'], name=op.f('fk_transfer_item_transfer_transfer')),
        sa.PrimaryKeyConstraint('transfer', 'n', name=op.f('pk_transfer_item')))
    with op.batch_alter_table('transfer_item') as batch_op:
        batch_op.create_index(batch_op.f('ix_transfer_item_code'), ['code'], unique=False)


def downgrade() -> None:
    for table in ('transfer_item', 'transfer'):
        op.drop_table(table)
