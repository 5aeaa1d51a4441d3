"""scan jobs"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None
told_by = ('scan_job_*',)


def upgrade() -> None:
    op.create_table(
        'scan_job',
        sa.Column('id', sa.String(length=40), nullable=False),
        sa.Column('title', sa.Text(), nullable=False),
        sa.Column('fonds', sa.String(length=35), nullable=False),
        sa.Column('profile', sa.String(length=20), nullable=False),
        sa.Column('state', sa.String(length=20), nullable=False),
        sa.Column('started_on', sa.String(length=10), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('record', sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_scan_job')))
    with op.batch_alter_table('scan_job') as batch_op:
        batch_op.create_index(batch_op.f('ix_scan_job_state'), ['state'], unique=False)
    op.create_table(
        'scan_job_file',
        sa.Column('job', sa.String(length=40), nullable=False),
        sa.Column('n', sa.Integer(), nullable=False),
        sa.Column('code', sa.String(length=100), nullable=False),
        sa.Column('box', sa.Text(), nullable=False),
        sa.Column('title', sa.Text(), nullable=False),
        sa.Column('documents', sa.Integer(), nullable=False),
        sa.Column('sheets', sa.Integer(), nullable=False),
        sa.Column('pages', sa.Integer(), nullable=False),
        sa.Column('condition', sa.Text(), nullable=False),
        sa.Column('treatment', sa.Text(), nullable=False),
        sa.Column('note', sa.Text(), nullable=False),
        sa.Column('handed_over', sa.Integer(), nullable=False),
        sa.Column('returned', sa.Integer(), nullable=False),
        sa.Column('returned_sheets', sa.Integer(), nullable=False),
        sa.Column('returned_note', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['job'], ['scan_job.id'], name=op.f('fk_scan_job_file_job_scan_job')),
        sa.PrimaryKeyConstraint('job', 'n', name=op.f('pk_scan_job_file')))
    with op.batch_alter_table('scan_job_file') as batch_op:
        batch_op.create_index(batch_op.f('ix_scan_job_file_code'), ['code'], unique=False)
    op.create_table(
        'scan_job_error',
        sa.Column('job', sa.String(length=40), nullable=False),
        sa.Column('round', sa.Integer(), nullable=False),
        sa.Column('n', sa.Integer(), nullable=False),
        sa.Column('document', sa.String(length=110), nullable=False),
        sa.Column('error_class', sa.String(length=10), nullable=False),
        sa.Column('pages', sa.Text(), nullable=False),
        sa.Column('text', sa.Text(), nullable=False),
        sa.Column('state', sa.String(length=10), nullable=False),
        sa.Column('note', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['job'], ['scan_job.id'], name=op.f('fk_scan_job_error_job_scan_job')),
        sa.PrimaryKeyConstraint('job', 'round', 'n', name=op.f('pk_scan_job_error')))
    with op.batch_alter_table('scan_job_error') as batch_op:
        batch_op.create_index(batch_op.f('ix_scan_job_error_document'), ['document'], unique=False)


def downgrade() -> None:
    for table in ('scan_job_error', 'scan_job_file', 'scan_job'):
        op.drop_table(table)
