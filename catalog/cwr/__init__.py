"""The Common Works Registration format of CISAC, versions 2.1 and 2.2."""
