-- The parties of the jewellery maker, run once by a superuser.
--
-- "maker" owns the data and the board; it is no superuser, because keeping a
-- board needs none. The others are what talks to the database all day, each
-- with a login of its own, so that the router's counters tell them apart.
-- :password is the one secret of this throw-away cluster.

CREATE ROLE maker LOGIN PASSWORD :'password';

CREATE ROLE mes LOGIN PASSWORD :'password';		-- operators at their benches
CREATE ROLE partner LOGIN PASSWORD :'password';	-- the API opened to partners
CREATE ROLE crm LOGIN PASSWORD :'password';		-- reads only
CREATE ROLE shop LOGIN PASSWORD :'password';	-- reads only

CREATE DATABASE mes OWNER maker;
