/*-------------------------------------------------------------------------
 *
 * sla.h
 *	  Deadlines of a board: andon.set_sla(), and their end with the board.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_SLA_H
#define ANDON_MAINTAIN_SLA_H

#include "postgres.h"

/* The board is dropped: its deadlines and alerts go with it.  SPI is connected. */
extern void sla_forget(Oid board);

/* A status has another name now.  SPI is connected. */
extern void sla_rename_status(Oid board, const char *from, const char *to);

#endif							/* ANDON_MAINTAIN_SLA_H */
