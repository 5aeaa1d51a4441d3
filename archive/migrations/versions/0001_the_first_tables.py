"""the first tables"""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None
told_by = ()


def upgrade() -> None:
    op.create_table('batch',
    sa.Column('id', sa.String(length=20), nullable=False),
    sa.Column('night', sa.String(length=10), nullable=False),
    sa.Column('started_at', sa.String(length=40), nullable=False),
    sa.Column('finished_at', sa.String(length=40), nullable=False),
    sa.Column('summary', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_batch'))
    )
    op.create_table('event',
    sa.Column('seq', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('key', sa.String(length=64), nullable=False),
    sa.Column('at', sa.String(length=40), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('subject', sa.String(length=200), nullable=False),
    sa.Column('actor', sa.String(length=100), nullable=False),
    sa.Column('data', sa.JSON(), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_event')),
    sa.UniqueConstraint('key', name=op.f('uq_event_key'))
    )
    with op.batch_alter_table('event', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_event_kind_subject'), ['kind', 'subject'], unique=False)

    op.create_table('fonds',
    sa.Column('code', sa.String(length=35), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('valid_from', sa.String(length=10), nullable=False),
    sa.Column('valid_to', sa.String(length=10), nullable=False),
    sa.Column('successor', sa.String(length=35), nullable=False),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_fonds'))
    )
    op.create_table('item',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('sha512', sa.String(length=128), nullable=False),
    sa.Column('received_at', sa.String(length=40), nullable=False),
    sa.Column('legal_received_at', sa.String(length=40), nullable=False),
    sa.Column('receipt_rule', sa.String(length=40), nullable=False),
    sa.Column('batch', sa.String(length=20), nullable=False),
    sa.Column('state', sa.String(length=20), nullable=False),
    sa.Column('document', sa.String(length=110), nullable=False),
    sa.Column('fields', sa.JSON(), nullable=False),
    sa.Column('facts', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_item'))
    )
    with op.batch_alter_table('item', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_item_batch_state'), ['batch', 'state'], unique=False)
        batch_op.create_index(batch_op.f('ix_item_sha256'), ['sha256'], unique=False)
        batch_op.create_index(batch_op.f('ix_item_state'), ['state'], unique=False)

    op.create_table('case_file',
    sa.Column('code', sa.String(length=100), nullable=False),
    sa.Column('fonds', sa.String(length=35), nullable=False),
    sa.Column('year', sa.Integer(), nullable=False),
    sa.Column('notation', sa.String(length=30), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('retention', sa.Text(), nullable=False),
    sa.Column('keeper', sa.Text(), nullable=False),
    sa.Column('state', sa.String(length=20), nullable=False),
    sa.Column('profile', sa.String(length=20), nullable=False),
    sa.Column('object_id', sa.String(length=200), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('opened_at', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['fonds'], ['fonds.code'], name=op.f('fk_case_file_fonds_fonds')),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_case_file')),
    sa.UniqueConstraint('object_id', name=op.f('uq_case_file_object_id'))
    )
    with op.batch_alter_table('case_file', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_case_file_fonds_year'), ['fonds', 'year'], unique=False)

    op.create_table('file_plan_entry',
    sa.Column('fonds', sa.String(length=35), nullable=False),
    sa.Column('year', sa.Integer(), nullable=False),
    sa.Column('notation', sa.String(length=30), nullable=False),
    sa.Column('heading', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('retention', sa.Text(), nullable=False),
    sa.Column('keeper', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['fonds'], ['fonds.code'], name=op.f('fk_file_plan_entry_fonds_fonds')),
    sa.PrimaryKeyConstraint('fonds', 'year', 'notation', name=op.f('pk_file_plan_entry'))
    )
    op.create_table('finding',
    sa.Column('item', sa.String(length=40), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('code', sa.String(length=20), nullable=False),
    sa.Column('level', sa.String(length=10), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('params', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['item'], ['item.id'], name=op.f('fk_finding_item_item')),
    sa.PrimaryKeyConstraint('item', 'n', name=op.f('pk_finding'))
    )
    with op.batch_alter_table('finding', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_finding_code'), ['code'], unique=False)

    op.create_table('document',
    sa.Column('code', sa.String(length=110), nullable=False),
    sa.Column('case_file', sa.String(length=100), nullable=False),
    sa.Column('ordinal', sa.Integer(), nullable=False),
    sa.Column('item', sa.String(length=40), nullable=False),
    sa.Column('profile', sa.String(length=20), nullable=False),
    sa.Column('type_name', sa.Text(), nullable=False),
    sa.Column('number', sa.Text(), nullable=False),
    sa.Column('notation', sa.Text(), nullable=False),
    sa.Column('issued_on', sa.String(length=10), nullable=False),
    sa.Column('organ', sa.Text(), nullable=False),
    sa.Column('organ_key', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('pages', sa.Integer(), nullable=False),
    sa.Column('legal_value', sa.String(length=30), nullable=False),
    sa.Column('verdict', sa.String(length=30), nullable=False),
    sa.Column('received_at', sa.String(length=40), nullable=False),
    sa.Column('legal_received_at', sa.String(length=40), nullable=False),
    sa.Column('receipt_rule', sa.String(length=40), nullable=False),
    sa.Column('batch', sa.String(length=20), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('fields', sa.JSON(), nullable=False),
    sa.Column('indexed', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['case_file'], ['case_file.code'], name=op.f('fk_document_case_file_case_file')),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_document')),
    sa.UniqueConstraint('item', name=op.f('uq_document_item'))
    )
    with op.batch_alter_table('document', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_document_batch'), ['batch'], unique=False)
        batch_op.create_index(batch_op.f('ix_document_case_file_ordinal'), ['case_file', 'ordinal'], unique=True)
        batch_op.create_index(batch_op.f('ix_document_indexed'), ['indexed'], unique=False)
        batch_op.create_index(batch_op.f('ix_document_issued_on'), ['issued_on'], unique=False)
        batch_op.create_index(batch_op.f('ix_document_organ_key_number_notation_issued_on'), ['organ_key', 'number', 'notation', 'issued_on'], unique=False)

    op.create_table('file',
    sa.Column('document', sa.String(length=110), nullable=False),
    sa.Column('path', sa.String(length=400), nullable=False),
    sa.Column('role', sa.String(length=30), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('format', sa.String(length=30), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('sha512', sa.String(length=128), nullable=False),
    sa.ForeignKeyConstraint(['document'], ['document.code'], name=op.f('fk_file_document_document')),
    sa.PrimaryKeyConstraint('document', 'path', name=op.f('pk_file'))
    )
    with op.batch_alter_table('file', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_file_sha256'), ['sha256'], unique=False)

    op.create_table('signature',
    sa.Column('document', sa.String(length=110), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('verdict', sa.String(length=30), nullable=False),
    sa.Column('signer', sa.Text(), nullable=False),
    sa.Column('organisation', sa.Text(), nullable=False),
    sa.Column('time', sa.String(length=40), nullable=False),
    sa.Column('time_source', sa.String(length=30), nullable=False),
    sa.Column('report', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['document'], ['document.code'], name=op.f('fk_signature_document_document')),
    sa.PrimaryKeyConstraint('document', 'n', name=op.f('pk_signature'))
    )


def downgrade() -> None:
    op.drop_table('signature')
    with op.batch_alter_table('file', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_file_sha256'))

    op.drop_table('file')
    with op.batch_alter_table('document', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_document_organ_key_number_notation_issued_on'))
        batch_op.drop_index(batch_op.f('ix_document_issued_on'))
        batch_op.drop_index(batch_op.f('ix_document_indexed'))
        batch_op.drop_index(batch_op.f('ix_document_case_file_ordinal'))
        batch_op.drop_index(batch_op.f('ix_document_batch'))

    op.drop_table('document')
    with op.batch_alter_table('finding', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_finding_code'))

    op.drop_table('finding')
    op.drop_table('file_plan_entry')
    with op.batch_alter_table('case_file', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_case_file_fonds_year'))

    op.drop_table('case_file')
    with op.batch_alter_table('item', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_item_state'))
        batch_op.drop_index(batch_op.f('ix_item_sha256'))
        batch_op.drop_index(batch_op.f('ix_item_batch_state'))

    op.drop_table('item')
    op.drop_table('fonds')
    with op.batch_alter_table('event', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_event_kind_subject'))

    op.drop_table('event')
    op.drop_table('batch')
