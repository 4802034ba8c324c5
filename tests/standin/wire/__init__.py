"""The TDS half of the SQL Server stand-in: real drivers connect to it over a real socket.

Written from Microsoft's open specification [MS-TDS], version 7.4 (and 8.0 as far as TLS comes first).
"""

from tests.standin.wire.certificates import Authority, Certificate
from tests.standin.wire.settings import Encryption, Settings, Shape
from tests.standin.wire.stand_in import StandIn

__all__ = ["Authority", "Certificate", "Encryption", "Settings", "Shape", "StandIn"]
