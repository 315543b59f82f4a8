-- types_as_declared: every table has the columns of its contract, in order, with their types.
select
    coalesce(d.table_name, f.table_name) as table_name,
    coalesce(d.column_name, f.column_name) as key
from declared_columns as d
full join found_columns as f using (table_name, column_name, place, type_name)
where d.table_name is null or f.table_name is null
