DROP PROCEDURE tenancy.admit_service(regrole);
