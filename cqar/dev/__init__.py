"""One machine: `cqar up` with servers from wheels, the sample, and generators for contributors."""
