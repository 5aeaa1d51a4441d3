"""corrected and renewed texts"""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None
told_by = ('text_corrected', 'text_reread')


def upgrade() -> None:
    with op.batch_alter_table('document') as batch_op:
        batch_op.add_column(sa.Column('text_changes', sa.Integer(), nullable=False, server_default='-1'))
        batch_op.create_index(batch_op.f('ix_document_text_changes'), ['text_changes'], unique=False)
    # -1 stays with scans: their pages are read from the store by the next owner (archive/texts.py: renew).
    document, file = sa.table('document', sa.column('code'), sa.column('item'), sa.column('text_changes')), sa.table(
        'file', sa.column('document'), sa.column('role'))
    finding = sa.table('finding', sa.column('item'), sa.column('code', sa.String))
    op.execute(document.update().where(
        document.c.code.not_in(sa.select(file.c.document).where(file.c.role == 'access')),
        document.c.item.not_in(sa.select(finding.c.item).where(finding.c.code.like('DIGITISE-%')))).values(
            text_changes=0))
    op.create_table('page_text',
    sa.Column('document', sa.String(length=110), nullable=False),
    sa.Column('part', sa.Integer(), nullable=False),
    sa.Column('page', sa.Integer(), nullable=False),
    sa.Column('failed', sa.Boolean(), nullable=False),
    sa.Column('confidence', sa.Float(), nullable=True),
    sa.Column('syllables', sa.Float(), nullable=True),
    sa.Column('misread', sa.Integer(), nullable=False),
    sa.Column('foreign', sa.Boolean(), nullable=False),
    sa.Column('corrected', sa.Boolean(), nullable=False),
    sa.Column('stale', sa.Boolean(), nullable=False),
    sa.Column('reading', sa.Integer(), nullable=False),
    sa.Column('engine', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['document'], ['document.code'], name=op.f('fk_page_text_document_document')),
    sa.PrimaryKeyConstraint('document', 'part', 'page', name=op.f('pk_page_text'))
    )


def downgrade() -> None:
    op.drop_table('page_text')
    op.drop_index(op.f('ix_document_text_changes'), 'document')
    op.drop_column('document', 'text_changes')
