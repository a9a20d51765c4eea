"""`cqar identity rejudge`: judge the codes of a registry again, from what the registry has recorded of them."""
