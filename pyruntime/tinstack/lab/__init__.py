"""The operator's command line behind `./lab`: makes labs, looks at them, takes them away. Talks to services as any client does."""
