/*-------------------------------------------------------------------------
 *
 * database_ddl.h
 *	  Statements that a connected feed worker would make fail, and others that
 *	  it should know of.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_WORKERS_DATABASE_DDL_H
#define ANDON_WORKERS_DATABASE_DDL_H

/* From _PG_init(), when the library is preloaded: hooks into utility commands. */
extern void database_ddl_init(void);

/* NOTHROW.  Databases that a statement of the transaction wanted for itself may have workers again. */
extern void database_ddl_on_transaction_end(void);

#endif							/* ANDON_WORKERS_DATABASE_DDL_H */
