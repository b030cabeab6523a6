# Short names for scripts/run.py, which works without make as well.
.PHONY: demo test inline lint types rust instructions build plots all

demo test inline lint types rust instructions build plots all:
	@python3 scripts/run.py $@ $(ARGS)
