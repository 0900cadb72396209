"""The database room: where the store is, who gets in as whom, and which schema it has."""

from ringfence.database.embedded import embedded_cluster, stop_abandoned
from ringfence.database.errors import (
    SchemaChanged,
    SchemaNewer,
    ServerTooOld,
    StoreError,
    StoreInUse,
    StoreMissing,
    StoreUnreachable,
)
from ringfence.database.kept import Kept
from ringfence.database.locks import locked
from ringfence.database.logins import Logins
from ringfence.database.migrate import (
    SqlFile,
    drop_ledger,
    ledgers,
    migrate_ledger,
    migration_level,
    migrations,
    sql_files,
)
from ringfence.database.settings import Settings
from ringfence.database.store import Store

__all__ = [
    "Kept",
    "Logins",
    "SchemaChanged",
    "SchemaNewer",
    "ServerTooOld",
    "Settings",
    "SqlFile",
    "Store",
    "StoreError",
    "StoreInUse",
    "StoreMissing",
    "StoreUnreachable",
    "drop_ledger",
    "embedded_cluster",
    "ledgers",
    "locked",
    "migrate_ledger",
    "migration_level",
    "migrations",
    "sql_files",
    "stop_abandoned",
]
