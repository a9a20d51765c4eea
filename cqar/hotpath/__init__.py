"""The hot path: answers lookups from memory and passes everything else to admin."""
