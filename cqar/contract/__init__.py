"""The wire contract: .proto sources, and the Python that is generated from them.

`cqc` holds the packages of the CQC contract, which clients are built on: numbers, names and types never change, and what
this service adds has numbers of its own. `cqar` holds the service's own package, `shared` its enums that `cqc` uses too. A
source `<name>.proto` lies beside its module `<name>_pb2.py` and stub `<name>_pb2.pyi`; `cqar.contract.generate` writes both,
from the sources alone.
"""
