"""Evidence: hash trees, RFC 3161 tokens and RFC 4998 evidence records, so that bytes can be proved for decades."""
