"""holds"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None
told_by = ('hold_placed',)


def upgrade() -> None:
    op.create_table('hold',
    sa.Column('n', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('at', sa.String(length=40), nullable=False),
    sa.Column('by', sa.String(length=100), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('requester', sa.Text(), nullable=False),
    sa.Column('number', sa.Text(), nullable=False),
    sa.Column('dated', sa.String(length=10), nullable=False),
    sa.Column('from_day', sa.String(length=10), nullable=False),
    sa.Column('standing', sa.Boolean(), nullable=False),
    sa.Column('conditions', sa.JSON(), nullable=False),
    sa.Column('items', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('releases', sa.Integer(), nullable=False),
    sa.Column('released_on', sa.String(length=10), nullable=False),
    sa.PrimaryKeyConstraint('n', name=op.f('pk_hold'))
    )
    op.create_table('hold_item',
    sa.Column('hold', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('code', sa.String(length=110), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('case_file', sa.String(length=100), nullable=False),
    sa.Column('released_on', sa.String(length=10), nullable=False),
    sa.PrimaryKeyConstraint('hold', 'code', name=op.f('pk_hold_item'))
    )
    with op.batch_alter_table('hold_item', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_hold_item_case_file'), ['case_file'], unique=False)
        batch_op.create_index(batch_op.f('ix_hold_item_code'), ['code'], unique=False)


def downgrade() -> None:
    for table in ('hold_item', 'hold'):
        op.drop_table(table)
