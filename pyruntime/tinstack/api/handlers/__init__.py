"""HTTP in, HTTP out: parse, authorise, call the domain, render."""
