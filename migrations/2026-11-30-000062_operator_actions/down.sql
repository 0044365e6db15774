DELETE FROM tenancy.global_tables WHERE table_name = 'tenancy.operator_actions';
DROP TABLE tenancy.operator_actions;
