"""Exact money: from usage to statements, in integers."""
