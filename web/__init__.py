"""The portal (`luutru serve`): pages that work without script, for those who use and run the archive."""
