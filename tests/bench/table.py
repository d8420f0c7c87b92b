"""Markdown tables, as they stand in README."""


def print_table(caption, columns, rows):
    """The first column is text, the others are numbers or text as well."""
    print(f"{caption}\n")
    print("| " + " | ".join(columns) + " |")
    print("| --- |" + " ---: |" * (len(columns) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def number(value, digits=0):
    return f"{value:,.{digits}f}"
