"""${message}"""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None
# Kinds of the ledger's events that tell of what this form brings: where there are any, a catalogue of an older form
# cannot be brought up by the steps alone (archive/catalogue_forms.py: unknown_to).
told_by = ()


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
