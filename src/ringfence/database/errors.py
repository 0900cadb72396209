"""What can be wrong with the store itself.

RingfenceError
└── StoreError              nothing was changed
    ├── StoreUnreachable    no server answers
    ├── StoreMissing        there is no embedded store in the folder yet
    ├── StoreInUse          processes are attached to the server that was to be stopped
    ├── ServerTooOld        older than PostgreSQL 15
    ├── SchemaNewer         the ledger was made by a newer Ringfence
    └── SchemaChanged       an applied migration is not the one in this package
"""

from __future__ import annotations

from typing import ClassVar

from ringfence.errors import Language, RingfenceError


class StoreError(RingfenceError):
    """The base of what can be wrong with the store."""

    code = "store"


class StoreUnreachable(StoreError):
    """No server answers at `where`; `detail` is what the driver said."""

    code = "store-unreachable"
    template: ClassVar[dict[Language, str]] = {
        "en": "the database at {where} does not answer: {detail}",
        "zh": "数据库 {where} 没有应答:{detail}",
    }


class StoreMissing(StoreError):
    """No embedded store has been made in the folder `where`."""

    code = "store-missing"
    template: ClassVar[dict[Language, str]] = {
        "en": "no store in {where} yet: `ringfence demo` makes one; --store names another folder",
        "zh": "{where} 中尚无数据库:`ringfence demo` 会创建一个;也可用 --store 指定其他目录",
    }


class StoreInUse(StoreError):
    """The embedded server in the folder `where` cannot be stopped: processes are attached to it."""

    code = "store-in-use"
    template: ClassVar[dict[Language, str]] = {
        "en": "the database in {where} is in use; it stops when the last process that uses it ends",
        "zh": "数据库 {where} 正在使用;最后一个使用它的进程结束时它会自行停止",
    }


class ServerTooOld(StoreError):
    """The server is `found`; at least `needed` is needed."""

    code = "server-too-old"
    template: ClassVar[dict[Language, str]] = {
        "en": "the server is PostgreSQL {found}; Ringfence needs {needed} or newer",
        "zh": "服务器为 PostgreSQL {found};Ringfence 需要 {needed} 或更新版本",
    }


class SchemaNewer(StoreError):
    """The ledger's schema is at migration `found`, and this code knows only up to `known`."""

    code = "schema-newer"
    template: ClassVar[dict[Language, str]] = {
        "en": "ledger {ledger} is at migration {found}, this code knows {known}: upgrade ringfence; nothing was changed",
        "zh": "账本 {ledger} 的结构版本为 {found},本程序只认得 {known}:请升级 ringfence;未作任何更改",
    }


class SchemaChanged(StoreError):
    """A migration that was applied to the ledger differs from the file of that number in this package."""

    code = "schema-changed"
    template: ClassVar[dict[Language, str]] = {
        "en": "ledger {ledger}: migration {number} was applied from another text than {name}; nothing was changed",
        "zh": "账本 {ledger}:已应用的迁移 {number} 与 {name} 内容不符;未作任何更改",
    }
