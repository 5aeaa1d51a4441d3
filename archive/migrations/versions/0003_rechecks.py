"""the day on which the signatures of a document are looked at again"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None
# Records of since then may name a day that no event tells of, and every night of since then is sealed.
told_by = ('rechecked', 'rechecks_moved', 'sealed')


def upgrade() -> None:
    with op.batch_alter_table('document') as batch_op:
        batch_op.add_column(sa.Column('recheck_on', sa.String(length=10), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('recheck_trust', sa.String(length=40), nullable=False, server_default=''))
        batch_op.create_index(batch_op.f('ix_document_recheck_on'), ['recheck_on'], unique=False)
    _tell_days()


def _tell_days() -> None:
    """The day that the finding about revocation names, of the documents that are there: the latest of each."""
    document = sa.table('document', sa.column('code', sa.String), sa.column('item', sa.String),
                        sa.column('recheck_on', sa.String))
    finding = sa.table('finding', sa.column('item', sa.String), sa.column('code', sa.String),
                       sa.column('params', sa.JSON))
    connection = op.get_bind()
    days: dict[str, str] = {}
    for code, params in connection.execute(sa.select(document.c.code, finding.c.params).join(
            finding, finding.c.item == document.c.item).where(finding.c.code == 'VERIFY-034')).all():
        try:
            day = datetime.strptime(params.get('date', ''), '%d/%m/%Y').date().isoformat()
        except ValueError:
            continue
        days[code] = max(day, days.get(code, ''))
    for code, day in days.items():
        connection.execute(document.update().where(document.c.code == code).values(recheck_on=day))


def downgrade() -> None:
    op.drop_index(op.f('ix_document_recheck_on'), 'document')
    for column in ('recheck_on', 'recheck_trust'):
        op.drop_column('document', column)
