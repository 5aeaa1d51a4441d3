"""retention tables and the rule of each case file"""

import sqlalchemy as sa
from alembic import op

from archive.records import dated_year
from archive.retention_text import kept_years, latest_year

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None
told_by = ('retention_table_imported', 'periods_set', 'period_events_recorded', 'documents_linked')

SOME = 1000     # rows at a time


def upgrade() -> None:
    with op.batch_alter_table('case_file') as batch_op:
        batch_op.add_column(sa.Column('keep_years', sa.Integer(), nullable=False, server_default='-1'))
        batch_op.add_column(sa.Column('ended', sa.Integer(), nullable=False, server_default='0'))
    with op.batch_alter_table('document') as batch_op:
        batch_op.add_column(sa.Column('bytes', sa.BigInteger(), nullable=False, server_default='0'))
        batch_op.add_column(sa.Column('keep_years', sa.Integer(), nullable=False, server_default='-1'))
        batch_op.add_column(sa.Column('dated', sa.Integer(), nullable=False, server_default='0'))
    _tell_periods()
    _tell_documents()
    with op.batch_alter_table('document') as batch_op:
        batch_op.create_index(batch_op.f('ix_document_case_file_dated_bytes_keep_years'),
                              ['case_file', 'dated', 'bytes', 'keep_years'], unique=False)
    op.create_table('retention_table',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('version', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('instrument', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('scope', sa.Text(), nullable=False),
    sa.Column('valid_from', sa.String(length=10), nullable=False),
    sa.Column('valid_to', sa.String(length=10), nullable=False),
    sa.Column('approver', sa.Text(), nullable=False),
    sa.Column('legacy', sa.Boolean(), nullable=False),
    sa.Column('imported_at', sa.String(length=40), nullable=False),
    sa.PrimaryKeyConstraint('id', 'version', name=op.f('pk_retention_table'))
    )
    op.create_table('retention_rule',
    sa.Column('table_id', sa.String(length=40), nullable=False),
    sa.Column('version', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('code', sa.String(length=40), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('heading', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('years', sa.Integer(), nullable=False),
    sa.Column('period', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('table_id', 'version', 'code', name=op.f('pk_retention_rule'))
    )
    op.create_table('period_decision',
    sa.Column('n', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('at', sa.String(length=40), nullable=False),
    sa.Column('by', sa.String(length=100), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('from_day', sa.String(length=10), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('table_id', sa.String(length=40), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('rule', sa.String(length=40), nullable=False),
    sa.Column('years', sa.Integer(), nullable=False),
    sa.Column('law', sa.Text(), nullable=False),
    sa.Column('event_on', sa.String(length=10), nullable=False),
    sa.Column('case_files', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('n', name=op.f('pk_period_decision'))
    )
    op.create_table('period_assignment',
    sa.Column('case_file', sa.String(length=100), nullable=False),
    sa.Column('n', sa.Integer(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('case_file', 'n', name=op.f('pk_period_assignment'))
    )
    op.create_table('document_link',
    sa.Column('document', sa.String(length=110), nullable=False),
    sa.Column('case_file', sa.String(length=100), nullable=False),
    sa.Column('n', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('home', sa.String(length=100), nullable=False),
    sa.Column('at', sa.String(length=40), nullable=False),
    sa.Column('ended', sa.Integer(), nullable=False),
    sa.Column('ended_at', sa.String(length=40), nullable=False),
    sa.PrimaryKeyConstraint('document', 'case_file', 'n', name=op.f('pk_document_link'))
    )
    with op.batch_alter_table('document_link') as batch_op:
        batch_op.create_index(batch_op.f('ix_document_link_case_file'), ['case_file'], unique=False)
        batch_op.create_index(batch_op.f('ix_document_link_home'), ['home'], unique=False)


def _tell_periods() -> None:
    """The period and the end that the case files name that are there."""
    connection = op.get_bind()
    table = sa.table('case_file', sa.column('code'), sa.column('retention'), sa.column('fields', sa.JSON),
                     sa.column('keep_years'), sa.column('ended'))
    last = ''
    while rows := connection.execute(sa.select(table.c.code, table.c.retention, table.c.fields).where(
            table.c.code > last).order_by(table.c.code).limit(SOME)).all():
        last = rows[-1].code
        connection.execute(table.update().where(table.c.code == sa.bindparam('one')).values(
            keep_years=sa.bindparam('years'), ended=sa.bindparam('year')), [
            {'one': row.code, 'years': kept_years(row.fields, row.retention),
             'year': latest_year(row.fields.get('endDate', ''))} for row in rows])


def _tell_documents() -> None:
    """The bytes, the own period and the year of the documents that are there."""
    connection = op.get_bind()
    table = sa.table('document', sa.column('code'), sa.column('fields', sa.JSON), sa.column('bytes'),
                     sa.column('keep_years'), sa.column('dated'))
    file = sa.table('file', sa.column('document'), sa.column('size'))
    last = ''
    while rows := connection.execute(sa.select(table.c.code, table.c.fields).where(
            table.c.code > last).order_by(table.c.code).limit(SOME)).all():
        sizes = {row[0]: row[1] for row in connection.execute(
            sa.select(file.c.document, sa.func.sum(file.c.size)).where(
                file.c.document.between(rows[0].code, rows[-1].code)).group_by(file.c.document))}
        last = rows[-1].code
        connection.execute(table.update().where(table.c.code == sa.bindparam('one')).values(
            bytes=sa.bindparam('size'), keep_years=sa.bindparam('years'), dated=sa.bindparam('year')), [
            {'one': row.code, 'size': int(sizes.get(row.code, 0)), 'years': kept_years(row.fields),
             'year': dated_year(row.fields)} for row in rows])


def downgrade() -> None:
    for table in ('document_link', 'period_assignment', 'period_decision', 'retention_rule', 'retention_table'):
        op.drop_table(table)
    op.drop_index(op.f('ix_document_case_file_dated_bytes_keep_years'), 'document')
    for table, columns in (('document', ('bytes', 'keep_years', 'dated')), ('case_file', ('keep_years', 'ended'))):
        for column in columns:
            op.drop_column(table, column)
