# `make demo` runs the main job, `make test` passes the tests, `make lint` checks the code.
# Each sets up what it needs: a virtual environment in .venv and, as root with apt, the real
# mail client and servers that the live tests drive.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test fast live lint docs bench system clean

$(BIN)/.demo: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "provisioner needs Python 3.11 or newer")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null; \
	  else echo "Python lacks its venv module: install python3-venv (Debian, Ubuntu), then run make again" >&2; exit 1; fi; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	touch $@

$(BIN)/.dev: $(BIN)/.demo
	$(BIN)/python -m pip install --quiet --group dev
	touch $@

demo: $(BIN)/.demo
	$(BIN)/provisioner demo

# Only as root and with apt: what the live tests need. Elsewhere they skip and say why.
LIVE_PACKAGES := akonadi-backend-mysql balsa kmail libkf5config-bin libkf5wallet-bin mariadb-client-core python3-pyqt5 mblaze khal khard radicale vdirsyncer aerc alpine claws-mail curl dbus dovecot-imapd dovecot-pop3d emacs-nox evolution fetchmail geary getmail6 git-email gnome-keyring gnome-online-accounts imagemagick imapfilter iproute2 isync libauthen-sasl-perl libglib2.0-bin libio-socket-ssl-perl libmailtools-perl libnss3-tools libsecret-tools m4 maildir-utils mpop msmtp mu4e mutt neomutt notmuch offlineimap3 openssl pass s-nail strace sylpheed thunderbird tmux xdotool xvfb zbar-tools
system:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  dpkg -s $(LIVE_PACKAGES) >/dev/null 2>&1 || { apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(LIVE_PACKAGES) >/dev/null; }; \
	else echo "not root or no apt: the live tests will be skipped"; fi

test: $(BIN)/.dev system
	$(BIN)/python -m pytest -n 2

fast: $(BIN)/.dev
	$(BIN)/python -m pytest -n 2 -m "not live and not exhaustive"

live: $(BIN)/.dev system
	$(BIN)/python -m pytest -m live

lint: $(BIN)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(BIN)/.dev
	mkdir -p docs
	$(BIN)/python -c 'from provisioner.workflows.listing import clients_page; print(clients_page(), end="")' > docs/clients.md

bench: $(BIN)/.dev
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) dist build
