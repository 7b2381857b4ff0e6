"""Files that the engine has made, brought to where the user wants them: copied here, or fetched through the link."""
