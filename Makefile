# Andon: two programs, one build. `make help` tells the targets.
#
# Nothing here names a source file: a new .c in a layer's folder is built, a new
# tests/router/unit/<layer>/test_*.c is a test, a new tests/fuzz/fuzz_*.c is a
# fuzz target. Everything made lies under build/; the source tree stays clean.
# Only `make install` and `make uninstall` touch the system's PostgreSQL.

.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

top       := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
VERSION   := 0.2.0
PYTHON    ?= /usr/bin/python3
PREFIX    ?= /usr/local
DESTDIR   ?=
SAN       ?=

ifeq ($(origin CC),default)
CC        := gcc
endif

PG_CONFIG ?= $(firstword $(wildcard /usr/lib/postgresql/15/bin/pg_config) pg_config)

# V=1 shows whole commands.
say = $(if $(V),,@echo "  $1";)

# ---------------------------------------------------------------- variants
ifeq ($(SAN),)
variant   :=
build     := build
else ifneq ($(findstring address,$(SAN)),)
variant   := asan
build     := build/asan
else ifneq ($(findstring thread,$(SAN)),)
variant   := tsan
build     := build/tsan
else
variant   := san
build     := build/san
endif
export SAN

# Where `make release` has the router's lines counted, and builds it with the counts.
counted := build/profile
release := build/release

# What install, test and bench take; ROUTER=build/andon-router is the one that `make` builds.
ROUTER  := $(if $(SAN),$(build),$(release))/andon-router
router_goal := $(if $(filter $(abspath $(release)/andon-router),$(abspath $(ROUTER))),release,router)

# Builds in parallel where nobody asked for a number of jobs.
jobs = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

# PostgreSQL's own layout; evaluated once, only when something is built.
pg_include_server = $(eval pg_include_server := $(shell $(PG_CONFIG) --includedir-server))$(pg_include_server)
pg_include        = $(eval pg_include := $(shell $(PG_CONFIG) --includedir))$(pg_include)
pg_libdir         = $(eval pg_libdir := $(shell $(PG_CONFIG) --pkglibdir))$(pg_libdir)
pg_version        = $(eval pg_version := $(shell $(PG_CONFIG) --version))$(pg_version)
pg_major          = $(eval pg_major := $(shell $(PG_CONFIG) --version | sed 's/[^0-9]*\([0-9]*\).*/\1/'))$(pg_major)
# The parser's trees are those of its own major version, which need not be the
# server's: later packages bring the headers along, that of Debian 12 is of 15.
parser_include    = $(eval parser_include := $(firstword $(wildcard /usr/include/pg_query/postgres /usr/include/postgresql/15/server) $(pg_include_server)))$(parser_include)
pg_query_a        = $(eval pg_query_a := $(firstword $(wildcard /usr/lib/*/libpg_query.a /usr/lib/libpg_query.a)))$(pg_query_a)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wwrite-strings -Wformat=2 -Wno-format-nonliteral \
            -Wno-unused-parameter -Werror=implicit-function-declaration \
            -Werror=incompatible-pointer-types -Werror=int-conversion \
            -Werror=return-type -Werror=unused-result
ifneq ($(WERROR),)
WARNINGS += -Werror
endif
ifeq ($(SAN),)
HARDEN   := -D_FORTIFY_SOURCE=2
else
HARDEN   := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
CFLAGS   ?= -O2 -g
ANDON_CFLAGS  := -std=gnu11 $(WARNINGS) -fno-plt -fstack-protector-strong -fPIE -pthread $(HARDEN)
ANDON_CPPFLAGS = -D_GNU_SOURCE -DANDON_VERSION='"$(VERSION)"' -I$(top)/router -I$(top)
ANDON_LDFLAGS := -pie -pthread -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN))
# libpgcommon comes first; the parser is shut into one object of its own, below.
ANDON_LIBS     = -L$(pg_libdir) -lpgcommon -lpgport -levent_core -levent_extra \
                 -levent_pthreads -lpq -lssl -lcrypto -linih -ljansson -lxxhash -lm

# PROFILE is set by `make release` for its two builds. gcc knows a static function again by its
# source and by the name of its object: the build that counts uses that of the other one.
# Inlining by the counts makes it see strings of any length where there are none.
profile_count  := -fprofile-generate -fprofile-update=atomic
profile_use    := -fprofile-use -fprofile-partial-training -flto=auto -Wno-missing-profile -Wno-stringop-overread
object_name_count = -dumpdir $(release)/$(*D)/ -dumpbase $(*F).c -dumpbase-ext .c

# ---------------------------------------------------------------- router
layers_above  := $(shell sed -n '/^\[router\]/,/^\[extension\]/{/^[a-z]/p}' $(top)/dev/layers.txt | tr ' ' '+')
router_layers := $(subst +, ,$(layers_above))
router_src    := $(sort $(wildcard router/*/*.c))
router_obj    := $(router_src:%.c=$(build)/%.o)
router_main   := $(build)/router/app/main.o
pg_query_o    := $(build)/vendor/pg_query.o

# PostgreSQL's headers are seen by the classifier, the topology and SCRAM only.
$(build)/router/sql/classif%.o:   CPP_VENDOR = -isystem $(parser_include)
$(build)/router/topology/%.o:     CPP_VENDOR = -isystem $(pg_include)
$(build)/router/scram/%.o:        CPP_VENDOR = -isystem $(pg_include)/internal -isystem $(pg_include) -isystem $(pg_include_server)

.PHONY: all router extension
all: router extension ## build the router and the extension

router: $(router_obj) $(if $(wildcard router/app/main.c),$(build)/andon-router) ## build andon-router

$(build)/%.o: %.c Makefile $(if $(filter use,$(PROFILE)),$(release)/counts)
	@mkdir -p $(@D)
	$(call say,CC $<)$(CC) $(ANDON_CPPFLAGS) $(CPP_VENDOR) $(CPPFLAGS) $(ANDON_CFLAGS) $(CFLAGS) $(profile_$(PROFILE)) $(object_name_$(PROFILE)) -MMD -MP -c -o $@ $<

$(build)/andon-router: $(router_obj) $(pg_query_o)
	$(call say,LD $@)$(CC) $(ANDON_LDFLAGS) $(LDFLAGS) $(if $(PROFILE),$(CFLAGS) $(profile_$(PROFILE))) -o $@ $^ $(ANDON_LIBS)

# The same sources, laid out by what runs: docs/decisions/0008-release-build.md.
.PHONY: release
release: stage ## build andon-router for use: laid out after a profile of its own work
	@test -z "$(SAN)" || { echo "make release is for use, not for a sanitizer: leave SAN out" >&2; exit 1; }
	@$(CC) --version | grep -q 'Free Software' || { echo "make release needs gcc: set CC=gcc, or do without: ROUTER=build/andon-router" >&2; exit 1; }
	+@$(MAKE) --no-print-directory $(jobs) build=$(counted) PROFILE=count router
	+@$(MAKE) --no-print-directory $(release)/counts
	+@$(MAKE) --no-print-directory $(jobs) build=$(release) PROFILE=use router

$(release)/counts: $(counted)/andon-router dev/train
	@$(PYTHON) -c 'import psycopg2' || { echo "python3-psycopg2 is missing: run 'make deps', or do without: ROUTER=build/andon-router" >&2; exit 1; }
	$(call say,TRAIN $<)ANDON_ROUTER=$< $(PYTHON) dev/train $(release) && touch $@

# The parser: linked into one object, then every symbol but those listed made
# local, so that its palloc and hash functions meet nobody else's.
$(pg_query_o): router/sql/pg_query.symbols Makefile
	@mkdir -p $(@D)
	@test -n "$(pg_query_a)" || { echo "libpg_query.a is missing: run 'make deps'" >&2; exit 1; }
	$(call say,LD $@)all=$@.$$$$; \
	ld -r -o $$all $$(sed -n 's/^[a-zA-Z]/-u &/p' $<) $(pg_query_a) && \
	objcopy $$(sed -n 's/^[a-zA-Z]/--keep-global-symbol=&/p' $<) $$all $@; \
	code=$$?; rm -f $$all; exit $$code

# ---------------------------------------------------------------- extension
# ThreadSanitizer is for the router's threads; a PostgreSQL backend has one.
extension_san := $(if $(findstring address,$(SAN)),$(SAN))

extension: ## build the extension (objects under build/extension)
	@$(PG_CONFIG) --version >/dev/null 2>&1 || { echo "no $(PG_CONFIG): run 'make deps', or set PG_CONFIG" >&2; exit 1; }
	@mkdir -p $(build)/extension
	+@$(MAKE) --no-print-directory $(if $(V),,-s) -C $(build)/extension -f $(top)/extension/Makefile \
	    PG_CONFIG=$(PG_CONFIG) VERSION=$(VERSION) SAN='$(extension_san)' all

stage_dir   = $(build)/pg$(pg_major)

# Under ASan the staged server runs with the runtime preloaded (pgcluster.py).
untranslated := $(if $(extension_san),$(build)/untranslated.so)

# What tests preload: no sanitizer has a part in it.
$(build)/%.so: tests/support/%.c Makefile
	@mkdir -p $(@D)
	$(CC) -shared -fPIC -fno-builtin -O2 -o $@ $<

.PHONY: stage
stage: extension $(untranslated) $(build)/count_allocations.so ## stage a copy of PostgreSQL with the extension under build/pg15
	@PG_CONFIG=$(PG_CONFIG) dev/stage $(stage_dir)
	+@$(MAKE) --no-print-directory -s -C $(build)/extension -f $(top)/extension/Makefile \
	    PG_CONFIG=$(top)/$(stage_dir)/bin/pg_config VERSION=$(VERSION) SAN='$(extension_san)' install >/dev/null

# ---------------------------------------------------------------- demo
# The jewellery maker's load: a plain libpq program, like any user's.
demo_src  := $(sort $(wildcard demo/load/*.c))
demo_obj  := $(demo_src:%.c=$(build)/%.o)

$(build)/demo/%.o: CPP_VENDOR = -I$(top)/demo -isystem $(pg_include)

.PHONY: demo-load
demo-load: $(build)/andon-demo-load

$(build)/andon-demo-load: $(demo_obj)
	$(CC) $(ANDON_LDFLAGS) $(LDFLAGS) -o $@ $^ -lpq -ljansson

# ---------------------------------------------------------------- unit tests
# A unit test is linked with its own layer and the layers below, nothing else:
# if it does not link, the layering leaks. T=wire or T=wire/test_frame picks.
unit_src  := $(sort $(wildcard tests/router/unit/*/test_*.c))
ifneq ($(T),)
unit_src  := $(filter tests/router/unit/$(T)/% tests/router/unit/$(T).c,$(unit_src))
endif
unit_bin  := $(unit_src:tests/router/unit/%.c=$(build)/unit/%)
# What the tests of a layer, and of those above, share: every other source there.
unit_shared := $(filter-out $(wildcard tests/router/unit/*/test_*.c),$(wildcard tests/router/unit/*/*.c))
shared_of    = $(patsubst %.c,$(build)/%.o,$(filter $(addprefix tests/router/unit/,$(addsuffix /%,$1)),$(unit_shared)))

# $(call below,LAYER): the layers on the lines under the one that names LAYER.
below  = $(call below_,$1,$(layers_above))
below_ = $(if $2,$(if $(filter $1,$(subst +, ,$(firstword $2))),$(subst +, ,$(wordlist 2,99,$2)),$(call below_,$1,$(wordlist 2,99,$2))))
objects_of = $(filter-out $(router_main),$(filter $(addprefix $(build)/router/,$(addsuffix /%,$1)),$(router_obj)))

define unit_rule
$(build)/unit/$1/%: $(build)/tests/router/unit/$1/%.o $(call shared_of,$1 $(call below,$1)) $(call objects_of,$1 $(call below,$1)) $(if $(filter sql,$1 $(call below,$1)),$(pg_query_o))
	@mkdir -p $$(@D)
	$$(call say,LD $$@)$$(CC) $$(ANDON_LDFLAGS) $$(LDFLAGS) -o $$@ $$^ -lcmocka $$(ANDON_LIBS)
$(build)/tests/router/unit/$1/%.o: CPP_VENDOR = -I$(top)/tests $(if $(filter topology,$1),-isystem $$(pg_include)) $(if $(filter scram,$1),-isystem $$(pg_include_server))
endef
$(foreach layer,$(router_layers),$(eval $(call unit_rule,$(layer))))

.PHONY: unit unit-build
unit-build: $(unit_bin)
unit: unit-build ## run the unit tests; T=wire or T=wire/test_frame picks
	@$(PYTHON) tests/support/run.py --build $(build) $(if $(T),--only '$(T)') unit

# ---------------------------------------------------------------- fuzzing
# A target is tests/fuzz/fuzz_NAME.c with LLVMFuzzerTestOneInput. `make check`
# replays tests/fuzz/corpus/NAME through it; `make fuzz T=NAME` searches.
fuzz_src  := $(sort $(wildcard tests/fuzz/fuzz_*.c))
fuzz_bin  := $(fuzz_src:tests/fuzz/fuzz_%.c=$(build)/replay/%)
fuzz_lib   = $(filter-out $(router_main),$(router_obj))

$(build)/replay/%: $(build)/tests/fuzz/fuzz_%.o $(build)/tests/fuzz/replay_main.o $(build)/librouter.a $(pg_query_o)
	@mkdir -p $(@D)
	$(call say,LD $@)$(CC) $(ANDON_LDFLAGS) $(LDFLAGS) -o $@ $^ $(ANDON_LIBS)

$(build)/librouter.a: $(filter-out $(router_main),$(router_obj))
	@rm -f $@
	$(call say,AR $@)ar rcs $@ $^

FUZZ_CC    ?= $(firstword $(wildcard /usr/bin/clang /usr/bin/clang-14) clang)
SECS       ?= 60
fuzz_build := build/fuzz

.PHONY: fuzz replay-build
replay-build: $(fuzz_bin)
fuzz: ## search with libFuzzer: make fuzz T=frame [SECS=60]
	@test -f tests/fuzz/fuzz_$(T).c || { echo "make fuzz T=NAME, one of: $(fuzz_src:tests/fuzz/fuzz_%.c=%)" >&2; exit 2; }
	+@$(MAKE) --no-print-directory CC=$(FUZZ_CC) build=$(fuzz_build) \
	    HARDEN='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined' $(fuzz_build)/fuzzer/$(T)
	@mkdir -p tests/fuzz/corpus/$(T) $(fuzz_build)/findings
	$(fuzz_build)/fuzzer/$(T) -max_total_time=$(SECS) -artifact_prefix=$(fuzz_build)/findings/$(T)- \
	    -timeout=10 -rss_limit_mb=2048 $(fuzz_build)/corpus.$(T) tests/fuzz/corpus/$(T)

$(fuzz_build)/fuzzer/%: $(fuzz_build)/tests/fuzz/fuzz_%.o $(fuzz_build)/librouter.a $(fuzz_build)/vendor/pg_query.o
	@mkdir -p $(@D) $(fuzz_build)/corpus.$*
	$(FUZZ_CC) -fsanitize=fuzzer,address,undefined $(ANDON_LDFLAGS) -o $@ $^ $(ANDON_LIBS)

# ---------------------------------------------------------------- tests
SUITES ?= all

RUN := $(PYTHON) tests/support/run.py --build $(build)
ifneq ($(K),)
RUN += -k '$(K)'
endif

.PHONY: check installcheck e2e pg-regress test test-built asan tsan bench demo matrix
check: unit-build replay-build router ## quick tests, no server: unit, corpus, layers, headers, docs
	@$(RUN) check

installcheck: stage ## regression and isolation tests of the extension, on a server of their own
	@$(RUN) extension

e2e: router stage demo-load ## end-to-end tests on real clusters; K=pattern picks
	@$(RUN) e2e

pg-regress: router stage ## PostgreSQL's own regression suite through the router, against a direct run
	@$(RUN) pgregress

deps: ## install the Debian packages that are missing
	@dev/deps test

test: ## install what is missing, build, run every test
	@dev/deps test
	+@$(MAKE) --no-print-directory $(jobs) test-built

test-built: all $(router_goal) unit-build replay-build stage demo-load
	@ANDON_ROUTER=$(ROUTER) $(RUN) $(SUITES)

asan: deps ## the whole suite under AddressSanitizer and UBSan
	+@$(MAKE) --no-print-directory $(jobs) SAN=address,undefined test-built

tsan: deps ## the router's suite under ThreadSanitizer
	+@$(MAKE) --no-print-directory $(jobs) SAN=thread SUITES='unit corpus router system' test-built

$(build)/bench/classify.o: CPP_VENDOR = -I$(top)/tests
$(build)/bench-classify: $(build)/bench/classify.o $(build)/librouter.a $(pg_query_o)
	$(call say,LD $@)$(CC) $(ANDON_LDFLAGS) $(LDFLAGS) -o $@ $^ $(ANDON_LIBS)

bench: $(router_goal) stage $(build)/bench-classify ## measure: make bench B=name
	@ANDON_ROUTER=$(ROUTER) $(PYTHON) bench/run.py $(B)

demo: ## the whole main job on a cluster of its own (README)
	@dev/deps demo
	+@$(MAKE) --no-print-directory $(jobs) router stage demo-load
	@$(PYTHON) demo/run.py

matrix: ## build and test the extension, and what may differ of the router, with PostgreSQL 17 and 18
	@dev/matrix

# ---------------------------------------------------------------- the rest
.PHONY: docs format install uninstall clean help deps
docs: router ## write the generated parts of docs/
	@$(build)/andon-router --dump-reference markdown > docs/reference/config.md
	@$(build)/andon-router --dump-reference console > docs/reference/console.md
	@$(build)/andon-router --dump-reference pgbouncer > docs/reference/pgbouncer.md
	@$(build)/andon-router --dump-reference sample > etc/router.ini
	@dev/doccheck --write

format: ## lay out the C sources with clang-format
	@dev/format

bindir := $(DESTDIR)$(PREFIX)/bin
docdir := $(DESTDIR)$(PREFIX)/share/doc/andon

# No server is started under sudo: the release is to be there.
.PHONY: installable
installable:
	@test -x $(ROUTER) || { echo "no $(ROUTER): run 'make release' first, or install the one that 'make' builds: make install ROUTER=build/andon-router" >&2; exit 1; }

install: extension $(if $(filter release,$(router_goal)),installable,router) ## install the extension into PostgreSQL and the router into PREFIX
	+$(MAKE) --no-print-directory -C $(build)/extension -f $(top)/extension/Makefile \
	    PG_CONFIG=$(PG_CONFIG) VERSION=$(VERSION) DESTDIR=$(DESTDIR) install
	install -d $(bindir) $(docdir)
	$(if $(wildcard router/app/main.c),install -m 755 $(ROUTER) $(bindir)/andon-router)
	install -m 644 LICENSE $(wildcard README.md CHANGELOG.md etc/*.ini) $(docdir)/
	sed 's#/usr/local#$(PREFIX)#' etc/andon-router.service > $(docdir)/andon-router.service
	install -m 644 etc/andon-router.socket $(docdir)/

uninstall: ## remove what install put there
	+$(MAKE) --no-print-directory -C $(build)/extension -f $(top)/extension/Makefile \
	    PG_CONFIG=$(PG_CONFIG) VERSION=$(VERSION) DESTDIR=$(DESTDIR) uninstall
	rm -f $(bindir)/andon-router
	rm -rf $(docdir)

clean: ## remove build/ (the staged server and downloaded node packages too)
	rm -rf build

help: ## print this list
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## /\1	/p' Makefile | expand -t 14

-include $(router_obj:.o=.d) $(demo_obj:.o=.d) $(unit_bin:$(build)/unit/%=$(build)/tests/router/unit/%.d) $(unit_shared:%.c=$(build)/%.d)
-include $(fuzz_src:%.c=$(build)/%.d) $(build)/tests/fuzz/replay_main.d
