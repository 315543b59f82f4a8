-- types_as_declared: every table has the columns of its contract, in order, with their types.
select
    coalesce(d.table_name, f.table_name) as table_name,
    coalesce(d.column_name, f.column_name) as key
from declared_columns as d
full join (
    select c.table_name, c.column_name, c.column_index as place, c.data_type as type_name
    from duckdb_columns() as c
    where c.table_name in (select t.table_name from declared_columns as t)
) as f using (table_name, column_name, place, type_name)
where d.table_name is null or f.table_name is null
