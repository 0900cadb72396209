"""The API: Ringfence over HTTP, one process for every role, each behind a database login of its own.

    service     what the process has open: the running circle, the door, the logins, the verifier's last verdict
    visitor     who asks, in which language, and what the database lets it see
    problems    refusals and errors as problem details (RFC 9457), in the asker's language
    limits      what is refused before anybody reads it
    parameters, showing    what stands in addresses; rows as they go out
    endpoints   deposits, accounts, journal, statement, equation, verdict
    app         all of it together
    serving     the application on a socket
    office, office_service    the same for a ring of one's own: each person at its desk

Whatever a role cannot see or do is decided by the database: the exchange's readers come in as its auditor, a bank's as the
bank's, a member's as the member, a client's through the window with the token of its visit, the supervisor's as supervisor.
Only a bank's person reaches a login that posts, and that is the bank's teller.
"""

from ringfence.api import serving
from ringfence.api.app import create_app
from ringfence.api.office_service import OfficeService
from ringfence.api.service import Service, Serving

__all__ = ["OfficeService", "Service", "Serving", "create_app", "serving"]
