"""destructions"""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None
told_by = ('destruction_*', 'destroyed')


def upgrade() -> None:
    op.create_table('destruction',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('fonds', sa.String(length=30), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('listed_on', sa.String(length=10), nullable=False),
    sa.Column('plan_hash', sa.String(length=64), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('record', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_destruction'))
    )
    op.create_table('destruction_item',
    sa.Column('destruction', sa.String(length=40), nullable=False),
    sa.Column('n', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('case_file', sa.String(length=100), nullable=False),
    sa.Column('document', sa.String(length=110), nullable=False),
    sa.Column('reason', sa.String(length=10), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.PrimaryKeyConstraint('destruction', 'n', name=op.f('pk_destruction_item'))
    )
    with op.batch_alter_table('destruction_item', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_destruction_item_case_file'), ['case_file'], unique=False)


def downgrade() -> None:
    for table in ('destruction_item', 'destruction'):
        op.drop_table(table)
