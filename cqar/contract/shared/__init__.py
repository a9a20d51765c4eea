"""Generated from the .proto files of this folder: what messages of both cqc and cqar use."""
