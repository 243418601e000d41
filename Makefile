# Triptych. Everything a person or a CI types stands here; the work is done by packaging/bootstrap.py,
# which is plain Python, so that Windows does the same through `py packaging\bootstrap.py NAME`.
PYTHON ?= python3
BOOT = $(PYTHON) packaging/bootstrap.py

.PHONY: run setup test bench shots train package package-test clean

run: ; @$(BOOT) run
setup: ; @$(BOOT) setup
test: ; @$(BOOT) test $(ARGS)
bench: ; @$(BOOT) bench $(ARGS)
shots: ; @$(BOOT) shots
# make train DATA=../shared/data
train: ; @$(BOOT) train $(if $(DATA),--data $(DATA)) $(ARGS)
# Installers of this system, into dist/; python packaging/package.py --help has the choices.
package: ; @$(BOOT) package $(ARGS)
package-test: ; @$(BOOT) package-test $(ARGS)
clean: ; @$(BOOT) clean
