"""work for other machines"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None
told_by = ()     # work is of a moment: nothing is lost with it


def upgrade() -> None:
    op.create_table(
        'work',
        sa.Column('id', sa.String(length=80), nullable=False),
        sa.Column('task', sa.String(length=10), nullable=False),
        sa.Column('queue', sa.String(length=10), nullable=False),
        sa.Column('urgent', sa.Boolean(), nullable=False),
        sa.Column('state', sa.String(length=10), nullable=False),
        sa.Column('tries', sa.Integer(), nullable=False),
        sa.Column('sends', sa.Integer(), nullable=False),
        sa.Column('due', sa.Float(), nullable=False),
        sa.Column('token', sa.String(length=32), nullable=False),
        sa.Column('machine', sa.String(length=100), nullable=False),
        sa.Column('until', sa.Float(), nullable=False),
        sa.Column('asked', sa.JSON(), nullable=False),
        sa.Column('told', sa.JSON(), nullable=False),
        sa.Column('error', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_work')))
    with op.batch_alter_table('work') as batch_op:
        batch_op.create_index(batch_op.f('ix_work_task_state'), ['task', 'state'], unique=False)
    op.create_table(
        'machine',
        sa.Column('name', sa.String(length=100), nullable=False),
        sa.Column('queues', sa.JSON(), nullable=False),
        sa.Column('processors', sa.Integer(), nullable=False),
        sa.Column('seen', sa.Float(), nullable=False),
        sa.Column('settings', sa.String(length=64), nullable=False),
        sa.Column('version', sa.String(length=30), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_machine')))


def downgrade() -> None:
    op.drop_table('machine')
    with op.batch_alter_table('work') as batch_op:
        batch_op.drop_index(batch_op.f('ix_work_task_state'))
    op.drop_table('work')
