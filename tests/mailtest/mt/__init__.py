"""The actors and the language of mailtest; see ../mailtest for the manual."""
