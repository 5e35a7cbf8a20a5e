/*-------------------------------------------------------------------------
 *
 * reload.c
 *	  From the configuration to each module's own, at start and on SIGHUP.
 *
 * A reload builds everything new first; only when all of it is good is it
 * handed out, worker by worker.  What only a restart can change is kept and
 * named in the log.
 *
 *-------------------------------------------------------------------------
 */
#include "app/router_internal.h"

#include "base/log.h"
#include "base/memory.h"

/* New configuration on its way to one worker. */
typedef struct ReloadPost
{
	Worker	   *worker;
	Config	   *config;			/* a reference */
	UserTable  *users;			/* a reference, or NULL, like hba */
	Hba		   *hba;
} ReloadPost;

static void adopt(Router *router, Config *config, UserTable *users, Hba *hba);
static void tell_restart_option(void *arg, const char *name);
static void reload_visit(void *arg);

bool
router_load_auth(const Config *config, UserTable **users, Hba **hba, Error *error)
{
	*users = NULL;
	*hba = NULL;
	if (config->auth_file[0] != '\0' && (*users = user_table_load(config->auth_file, error)) == NULL)
		return false;
	if (config->auth_type == AUTH_HBA && (*hba = hba_load(config->auth_hba_file, error)) == NULL)
		return false;
	if (*hba && hba_needs_secrets(*hba) && *users == NULL && config->auth_user[0] == '\0')
	{
		error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "auth_hba_file \"%s\" asks for passwords, and there is no auth_file",
				  config->auth_hba_file);
		error_set_hint(error, "Set auth_file to the file with users and secrets, or auth_user.");
		return false;
	}
	return true;
}

bool
router_check_files(Config *config, Error *error)
{
	UserTable  *users = NULL;
	Hba		   *hba = NULL;
	bool		ok = config_load_tls(config, error) && router_load_auth(config, &users, &hba, error);

	user_table_unref(users);
	hba_unref(hba);
	return ok;
}

bool
router_reload(Router *router, Error *error)
{
	ConfigErrors errors = CONFIG_ERRORS_INIT;
	Config	   *loaded = config_load(router->config->path, &errors);
	Config	   *config;
	UserTable  *users = NULL;
	Hba		   *hba = NULL;

	if (loaded == NULL)
	{
		for (int i = 0; i < errors.count; i++)
			LOG_ERROR("configuration_error", LF_STR("what", errors.items[i]));
		error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "%s", errors.count > 0 ? errors.items[0] : "unreadable");
		error_set_hint(error, "The configuration in force was kept; all errors are in the router's log.");
		config_errors_release(&errors);
		return false;
	}
	config = config_merge_reload(router->config, loaded);
	if (!config_load_tls(config, error) || !router_load_auth(loaded, &users, &hba, error))
	{
		user_table_unref(users);
		hba_unref(hba);
		config_unref(config);
		config_unref(loaded);
		return false;
	}
	config_reload_check(router->config, loaded, tell_restart_option, NULL);
	config_unref(loaded);
	adopt(router, config, users, hba);
	LOG_INFO("configuration_reloaded", LF_STR("file", config->path));
	return true;
}

bool
router_set_option(Router *router, const char *name, const char *value, Error *error)
{
	ConfigErrors errors = CONFIG_ERRORS_INIT;
	Config	   *config = config_with_option(router->config, name, value, &errors);
	UserTable  *users = NULL;
	Hba		   *hba = NULL;

	if (config == NULL)
	{
		error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "%s", errors.items[0]);
		error_set_hint(error, "Nothing was changed; SHOW CONFIG lists the options.");
		config_errors_release(&errors);
		return false;
	}
	if (!config_load_tls(config, error) || !router_load_auth(config, &users, &hba, error))
	{
		user_table_unref(users);
		hba_unref(hba);
		config_unref(config);
		return false;
	}
	adopt(router, config, users, hba);
	LOG_INFO("option_set", LF_STR("option", name));
	return true;
}

/* Make it the one in force, everywhere; takes the references. */
static void
adopt(Router *router, Config *config, UserTable *users, Hba *hba)
{
	for (int i = 0; i < router->nworkers; i++)
	{
		ReloadPost *post = mem_alloc(sizeof(ReloadPost));

		post->worker = router->workers[i];
		post->users = users ? user_table_ref(users) : NULL;
		post->hba = hba ? hba_ref(hba) : NULL;
		post->config = config_ref(config);
		worker_post(post->worker, reload_visit, post);
	}
	__atomic_store_n(&router->max_clients, config->max_client_conn, __ATOMIC_RELAXED);
	log_configure(config->log_level, config->log_format);
	user_table_unref(router->users);
	router->users = users;
	hba_unref(router->hba);
	router->hba = hba;
	config_unref(router->config);
	router->config = config;
}

static void
tell_restart_option(void *arg, const char *name)
{
	LOG_WARN("restart_needed", LF_STR("option", name));
}

static void
reload_visit(void *arg)
{
	ReloadPost *post = arg;

	worker_configure(post->worker, post->config);
	session_context_set_auth(worker_context(post->worker), post->users, post->hba);
	mem_free(post);
}
